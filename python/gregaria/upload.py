"""Bodies that are not in memory: files, iterators, and forms with files, read piece by piece as they are sent.

Each is an object with `length` (`None` when nobody knows it), `can_rewind`, `rewind()`, and `next_piece()`, which gives bytes
and `None` at the end. Files are read from where they stand.
"""

import io

from requests.utils import guess_filename, super_len, to_key_val_list
from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary


def of(data):
    """What `data` gives: bytes if that is little, or else a source of pieces."""
    if not hasattr(data, "read") and not hasattr(data, "__iter__"):
        raise TypeError(f"data takes bytes, a text, a form, a file or an iterable of pieces, not {data!r}")
    source = _File(data) if hasattr(data, "read") else _Pieces(data)
    return _small(source)


def multipart(data, files):
    """A form of fields and files: its body, as `of` gives it, and its type."""
    if isinstance(data, (str, bytes)):
        raise ValueError("Data must not be a string.")
    form = _Multipart(data, files)
    return _small(form), form.content_type


def _small(source):
    if source.length is None or source.length > PIECE_BYTES:
        return source
    return b"".join(iter(source.next_piece, None))


class _File:
    def __init__(self, file):
        self._file = file
        self._start = _position(file)
        self.can_rewind = self._start is not None
        # Of a text nobody knows how many bytes it becomes.
        is_text = isinstance(file, io.TextIOBase)
        #: As in requests, 0 is not to be trusted: it may be a pipe.
        self.length = None if is_text else super_len(file) or None

    def rewind(self):
        self._file.seek(self._start)

    def next_piece(self):
        return _as_bytes(self._file.read(PIECE_BYTES)) or None


class _Pieces:
    """What an iterator gives."""

    can_rewind = False
    length = None

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        #: What is left of one that is too large to be sent at once.
        self._rest = memoryview(b"")

    def next_piece(self):
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self._rest = memoryview(_as_bytes(piece)).cast("B")
        piece, self._rest = self._rest[:PIECE_BYTES], self._rest[PIECE_BYTES:]
        return piece


class _Multipart:
    """Boundaries, headers and fields as bytes, and files in between."""

    def __init__(self, data, files):
        boundary = choose_boundary()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts = []
        for field in [*_fields(data), *_file_fields(files)]:
            head = f"--{boundary}\r\n{field.render_headers()}"
            content = str(field.data) if isinstance(field.data, int) else field.data
            content = content if hasattr(content, "read") else _as_bytes(content)
            self._parts += [head.encode(), _File(content) if hasattr(content, "read") else content, b"\r\n"]
        self._parts.append(f"--{boundary}--\r\n".encode())
        in_files = [part for part in self._parts if isinstance(part, _File)]
        lengths = [part.length if isinstance(part, _File) else len(part) for part in self._parts]
        self.length = None if None in lengths else sum(lengths)
        self.can_rewind = all(file.can_rewind for file in in_files)
        self._at = 0

    def rewind(self):
        self._at = 0
        for part in self._parts:
            if isinstance(part, _File):
                part.rewind()

    def next_piece(self):
        """Small parts go together with what is behind them."""
        pieces, size = [], 0
        while self._at < len(self._parts) and size < PIECE_BYTES:
            part = self._parts[self._at]
            piece = part.next_piece() if isinstance(part, _File) else part
            if piece is None or piece is part:
                self._at += 1
            if piece:
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces) or None


def _fields(data):
    for name, values in to_key_val_list(data or {}):
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        for value in values:
            if value is not None:
                field = RequestField(_as_text(name), value if isinstance(value, bytes) else str(value))
                field.make_multipart()
                yield field


def _file_fields(files):
    """As requests has them: a file alone, or a tuple of file name, file, type and headers."""
    for name, file in to_key_val_list(files):
        content_type = headers = None
        if isinstance(file, (tuple, list)):
            file_name, content, *more = file
            content_type, headers = (*more, None, None)[:2]
        else:
            file_name, content = guess_filename(file) or name, file
        if content is None:
            continue
        field = RequestField(_as_text(name), content, filename=file_name, headers=headers)
        field.make_multipart(content_type=content_type)
        yield field


def _position(file):
    try:
        position = file.tell()
        file.seek(position)
    except (AttributeError, OSError):
        return None
    return position


def _as_bytes(piece):
    return piece.encode() if isinstance(piece, str) else piece


def _as_text(name):
    return name.decode() if isinstance(name, bytes) else name


#: As much as is handed over at once. A body up to this is sent as one.
PIECE_BYTES = 64 * 1024
