#!/bin/sh
# replay.sh BUILD TARGET...: runs the corpus of every target through its replay program.
# The last line is "fuzz: N passed, N failed"; exit 1 when anything failed or has no corpus.
build=$1
shift
passed=0
failed=0
for target in "$@"; do
    corpus=tests/fuzz/corpus/$target
    set -- "$corpus"/*
    if [ ! -e "$1" ]; then
        echo "fuzz: $target has no corpus in $corpus"
        failed=$((failed + 1))
        continue
    fi
    # All at once; one by one only to find out which.
    if "$build/fuzz/$target" "$@" >/dev/null 2>&1; then
        passed=$((passed + $#))
        continue
    fi
    for input in "$@"; do
        if out=$("$build/fuzz/$target" "$input" 2>&1); then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            printf 'fuzz: %s fails on %s:\n%s\n' "$target" "$input" "$out"
        fi
    done
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
