import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from crystalgen.datasets.download import Progress, download, download_folder
from crystalgen.errors import DatasetError

CONTENT = b"material_id,cif\n" * 50_000


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/torn":
            self.send_header("Content-Length", str(2 * len(CONTENT)))
        elif self.path == "/whole":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_comes_whole_and_its_progress_is_told(server, tmp_path):
    path = tmp_path / "new" / "folder" / "train.csv"

    steps = list(download(f"{server}/whole", path))

    assert path.read_bytes() == CONTENT
    assert steps[-1] == Progress(done=len(CONTENT), total=len(CONTENT))
    assert len(steps) > 1
    assert list(path.parent.iterdir()) == [path]


def test_a_server_that_does_not_tell_the_length_is_fine(server, tmp_path):
    path = tmp_path / "train.csv"

    steps = list(download(f"{server}/unknown", path))

    assert path.read_bytes() == CONTENT
    assert steps[-1].total is None


@pytest.mark.parametrize(
    ("page", "message"), [("/missing", "Not Found"), ("/torn", "of 1600000 bytes came")]
)
def test_a_failed_download_leaves_nothing_and_names_the_way_out(
    server, tmp_path, page, message
):
    with pytest.raises(DatasetError, match=rf"{message}.*--from FILE"):
        list(download(server + page, tmp_path / "train.csv"))
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_an_error_of_ours(tmp_path):
    with pytest.raises(DatasetError, match="download failed"):
        list(download("http://127.0.0.1:9/train.csv", tmp_path / "train.csv"))


def test_a_place_that_cannot_be_written_is_an_error_of_ours(server, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DatasetError, match="cannot be written"):
        list(download(f"{server}/whole", tmp_path / "file" / "train.csv"))


def test_downloads_go_where_the_desktop_standard_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert download_folder() == tmp_path / "crystalgen"
