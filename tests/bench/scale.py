def run(setup):
    raise SystemExit("x")
