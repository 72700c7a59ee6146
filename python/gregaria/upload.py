"""Bodies that are not in memory: files, iterators, and forms with files, read in chunks while they are sent.

A file is read from its current position.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from requests.utils import guess_filename, super_len, to_key_val_list
from urllib3.fields import RequestField
from urllib3.filepost import choose_boundary

#: The size of a chunk in bytes. A body of at most this size is sent from memory.
CHUNK_BYTES = 64 * 1024


class Source(Protocol):
    """A body that is read in chunks."""

    #: The length in bytes; `None` if it is unknown.
    length: int | None
    #: Whether `rewind()` can go back to the start.
    can_rewind: bool

    def rewind(self) -> None:
        """Goes back to the start."""

    def next_chunk(self) -> bytes | memoryview | None:
        """Returns the next bytes, `None` at the end."""


def body_or_source(data: Any) -> bytes | Source:
    """Returns the bytes of a small body, otherwise a source of chunks."""
    if not hasattr(data, "read") and not hasattr(data, "__iter__"):
        raise TypeError(f"data takes bytes, a text, a form, a file or an iterable of pieces, not {data!r}")
    source: Source = _FileSource(data) if hasattr(data, "read") else _IteratorSource(data)
    return _read_if_small(source)


def multipart(data: Any, files: Any) -> tuple[bytes | Source, str]:
    """Returns a form of fields and files, as bytes or a source, and its content type."""
    if isinstance(data, (str, bytes)):
        raise ValueError("Data must not be a string.")
    form = _MultipartSource(data, files)
    return _read_if_small(form), form.content_type


def _read_if_small(source: Source) -> bytes | Source:
    if source.length is None or source.length > CHUNK_BYTES:
        return source
    return b"".join(iter(source.next_chunk, None))


class _FileSource:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._start = _position(file)
        self.can_rewind = self._start is not None
        # The encoded length of a text file is unknown before it is read.
        is_text = isinstance(file, io.TextIOBase)
        #: A length of 0 counts as unknown, as in requests, because the file may be a pipe.
        self.length: int | None = None if is_text else super_len(file) or None

    def rewind(self) -> None:
        self._file.seek(self._start)

    def next_chunk(self) -> bytes | None:
        return _as_bytes(self._file.read(CHUNK_BYTES)) or None


class _IteratorSource:
    can_rewind = False
    length: int | None = None

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = iter(items)
        #: The rest of an item that is larger than a chunk.
        self._rest = memoryview(b"")

    def rewind(self) -> None:
        raise io.UnsupportedOperation("an iterator cannot be rewound")

    def next_chunk(self) -> memoryview | None:
        while not self._rest:
            item = next(self._items, None)
            if item is None:
                return None
            self._rest = memoryview(_as_bytes(item)).cast("B")
        chunk, self._rest = self._rest[:CHUNK_BYTES], self._rest[CHUNK_BYTES:]
        return chunk


class _MultipartSource:
    """Boundaries, headers and fields in memory, and the files between them."""

    def __init__(self, data: Any, files: Any) -> None:
        boundary = choose_boundary()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts: list[Any] = []
        for field in [*_fields(data), *_file_fields(files)]:
            head = f"--{boundary}\r\n{field.render_headers()}"
            content: Any = str(field.data) if isinstance(field.data, int) else field.data
            content = content if hasattr(content, "read") else _as_bytes(content)
            self._parts += [head.encode(), _FileSource(content) if hasattr(content, "read") else content, b"\r\n"]
        self._parts.append(f"--{boundary}--\r\n".encode())
        in_files = [part for part in self._parts if isinstance(part, _FileSource)]
        lengths = [part.length if isinstance(part, _FileSource) else len(part) for part in self._parts]
        self.length: int | None = None if None in lengths else sum(length or 0 for length in lengths)
        self.can_rewind = all(file.can_rewind for file in in_files)
        self._index = 0

    def rewind(self) -> None:
        self._index = 0
        for part in self._parts:
            if isinstance(part, _FileSource):
                part.rewind()

    def next_chunk(self) -> bytes | None:
        """Returns small parts together with the following ones."""
        chunks, size = [], 0
        while self._index < len(self._parts) and size < CHUNK_BYTES:
            part = self._parts[self._index]
            chunk = part.next_chunk() if isinstance(part, _FileSource) else part
            if chunk is None or chunk is part:
                self._index += 1
            if chunk:
                chunks.append(chunk)
                size += len(chunk)
        return b"".join(chunks) or None


def _fields(data: Any) -> Iterator[RequestField]:
    for name, values in to_key_val_list(data or {}):
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        for value in values:
            if value is not None:
                field = RequestField(_as_text(name), value if isinstance(value, bytes) else str(value))
                field.make_multipart()
                yield field


def _file_fields(files: Any) -> Iterator[RequestField]:
    """Yields the files of a form as requests takes them: a file, or a tuple of file name, file, type and headers."""
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


def _position(file: Any) -> int | None:
    try:
        position = file.tell()
        file.seek(position)
    except (AttributeError, OSError):
        return None
    return position


def _as_bytes(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else chunk


def _as_text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else name
