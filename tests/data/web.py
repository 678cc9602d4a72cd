"""A small file server with the troubles of the real ones."""

import http.server
import threading
from contextlib import contextmanager


@contextmanager
def serve(files, *, break_after=None, ranges=True):
    """Serve `files` (name -> bytes) at the address given; the first answer ends after `break_after` bytes.

    Gives the address and the list of ranges asked for.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path.lstrip("/"))
            wanted = self.headers.get("Range")
            asked.append(wanted)
            start = int(wanted[6:-1]) if wanted and ranges else 0
            if content is None or (start and start >= len(content)):
                self.send_error(404 if content is None else 416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            broken = break_after is not None and len(asked) == 1
            self.wfile.write(content[start:break_after] if broken else content[start:])

        def log_message(self, *args):
            """Nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
