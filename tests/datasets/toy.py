"""The data set ``toy`` of these tests, and a request handler that serves it well or badly."""

import http.server

FILES = {"RECORDS": b"1\n2\n", "1.dat": bytes(range(256)) * 40, "notes/2.hea": b"2 1 360 10\n"}


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        path = self.path.lstrip("/")
        self.server.asked.append(path)
        if path not in self.server.truncated:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", str(len(FILES[path])))
        self.end_headers()
        self.wfile.write(FILES[path][:-5])

    def log_message(self, *arguments):
        pass


def write_files(folder):
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def files_in(folder):
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
