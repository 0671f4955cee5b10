"""Servers that read a path in their own way, each with a secret under /admin/.

SPDX-License-Identifier: MIT
"""

import contextlib
import os
import shutil
import subprocess
import sys

import backends
from events import eventually
from proxy import free_port

SECRET = b"for holders of a certificate only"
MODULES = "/usr/share/nodejs"
JARS = "/usr/share/java"

EXPRESS = """
const express = require('express'), app = express();
app.use('/admin', (request, response) => response.end(process.argv.at(-1)));
app.use((request, response) => response.end('public'));
app.listen(Number(process.argv.at(-2)), '127.0.0.1');
"""
# A program that hands the target to a URL parser, as many do.
NODE_URL = """
require('http').createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname.trim());
    response.end(path.trim().startsWith('/admin/') ? process.argv.at(-1) : 'public');
}).listen(Number(process.argv.at(-2)), '127.0.0.1');
"""
PYTHON = """
import http.server, os, sys
os.chdir(sys.argv[2])
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Quiet).serve_forever()
"""
# A router that takes the path apart and is generous with blanks.
PYTHON_ROUTER = """
import http.server, sys, urllib.parse
class Router(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        found = [one.strip() for one in path.split("/") if one.strip()] == ["admin", "secret"]
        body = sys.argv[2].encode() if found else b"public"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Router).serve_forever()
"""
SERVLET = """
    static class Admin extends HttpServlet {
        private final String text;
        Admin(String text) { this.text = text; }
        @Override protected void doGet(HttpServletRequest request, HttpServletResponse response)
            throws java.io.IOException { response.getWriter().print(text); }
    }
"""
TOMCAT = """
import jakarta.servlet.http.*;
import org.apache.catalina.startup.Tomcat;
public class Main {""" + SERVLET + """
    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[2]);
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        var context = tomcat.addContext("", arguments[2]);
        Tomcat.addServlet(context, "admin", new Admin(arguments[1]));
        Tomcat.addServlet(context, "other", new Admin("public"));
        context.addServletMappingDecoded("/admin/*", "admin");
        context.addServletMappingDecoded("/", "other");
        tomcat.start();
        tomcat.getServer().await();
    }
}
"""
JETTY = """
import javax.servlet.http.*;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.servlet.*;
public class Main {""" + SERVLET + """
    public static void main(String[] arguments) throws Exception {
        Server server = new Server(new java.net.InetSocketAddress("127.0.0.1",
                                                                  Integer.parseInt(arguments[0])));
        ServletContextHandler context = new ServletContextHandler();
        context.addServlet(new ServletHolder(new Admin(arguments[1])), "/admin/*");
        context.addServlet(new ServletHolder(new Admin("public")), "/");
        server.setHandler(context);
        server.start();
        server.join();
    }
}
"""


def _files(folder):
    """What servers of files serve: /admin/secret."""
    files = os.path.join(folder, "files")
    os.makedirs(os.path.join(files, "admin"))
    os.chmod(files, 0o755)
    with open(os.path.join(files, "admin", "secret"), "wb") as out:
        out.write(SECRET)
    return files


def _node(script):
    def command(folder, port):
        if not os.access(backends.NODE, os.X_OK):
            raise backends.Unavailable("no " + backends.NODE)
        if "express" in script and not os.path.isdir(MODULES + "/express"):
            raise backends.Unavailable("no package node-express")
        return [backends.NODE, "-e", script, "--", str(port), SECRET.decode()]
    return command


def _java(script, patterns):
    def command(folder, port):
        jars = [os.path.join(JARS, one) for one in sorted(os.listdir(JARS))
                if one.endswith(".jar") and one.startswith(patterns)] if os.path.isdir(JARS) else []
        if not shutil.which("javac") or len(jars) < len(patterns):
            raise backends.Unavailable("no Java compiler, or no package with " + patterns[0])
        source = os.path.join(folder, "Main.java")
        with open(source, "w", encoding="ascii") as out:
            out.write(script)
        return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", ":".join(jars), source,
                str(port), SECRET.decode(), folder]
    return command


COMMANDS = {
    "nginx": lambda folder, port: backends.nginx_command(folder, _files(folder), port),
    "apache2": lambda folder, port: backends.apache_command(folder, _files(folder), port),
    "python": lambda folder, port: [sys.executable, "-c", PYTHON, str(port), _files(folder)],
    "python-router": lambda folder, port: [sys.executable, "-c", PYTHON_ROUTER, str(port),
                                           SECRET.decode()],
    "express": _node(EXPRESS),
    "node-url": _node(NODE_URL),
    "tomcat": _java(TOMCAT, ("tomcat10-",)),
    "jetty": _java(JETTY, ("jetty9-server.", "jetty9-servlet.", "jetty9-util.", "jetty9-http.",
                           "jetty9-io.", "jetty9-security.", "servlet-api")),
}


@contextlib.contextmanager
def running(name, folder):
    """The port of a running server; raises backends.Unavailable."""
    os.chmod(folder, 0o755)
    port = free_port()
    command = COMMANDS[name](folder, port)
    with open(os.path.join(folder, "output"), "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output,
                                   env={**os.environ, "NODE_PATH": MODULES})
    try:
        eventually(lambda: backends.answers(port) or process.poll() is not None, f"{name} listens")
        with open(os.path.join(folder, "output"), encoding="latin-1") as output:
            assert process.poll() is None, f"{name} ended: " + output.read()
        yield port
    finally:
        process.kill()
        process.wait()
