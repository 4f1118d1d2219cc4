"""A report in a notebook: as a small piece of HTML, and as a data frame."""

from collections.abc import Callable
from html import escape as to_html
from importlib.util import find_spec
from typing import Any, Literal

from airmeet_async.api.redact import clean
from airmeet_async.bulk.report import BulkReport, RowResult, RowStatus
from airmeet_async.bulk.table_cells import guard
from airmeet_async.errors import ClientStateError, ConfigError

Backend = Literal["pandas", "polars", "pyarrow"]

_BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")
_MOST_CAUSES = 10

# The types of pandas that can be empty; narwhals would ask it for those that cannot.
_IN_PANDAS = {"Int64": "Int64", "Float64": "Float64", "String": "string", "Boolean": "boolean"}

# The columns: name, type in the words of narwhals, value.
_COLUMNS: tuple[tuple[str, str, Callable[[RowResult], Any]], ...] = (
    ("index", "Int64", lambda result: result.index),
    ("line", "Int64", lambda result: result.line),
    ("key", "String", lambda result: result.key),
    ("status", "String", lambda result: result.status.value),
    ("attempts", "Int64", lambda result: result.attempts),
    ("http_status", "Int64", lambda result: result.http_status),
    ("code", "String", lambda result: result.error and result.error.code),
    ("error", "String", lambda result: result.error and result.error.message),
    ("ambiguous", "Boolean", lambda result: result.error is not None and result.error.ambiguous),
    ("latency_s", "Float64", lambda result: result.latency_s),
    ("invite", "String", lambda result: result.invite.value),
    ("duplicate_of", "Int64", lambda result: result.duplicate_of),
)
_LINKS = (("entry_link", "String", lambda result: result.entry_link),)


def frame_of(report: BulkReport, backend: str | None, *, links: bool) -> Any:
    """Return the results as a data frame, see `BulkReport.to_frame`.

    Raises:
        ConfigError: A package is missing.
        ClientStateError: There are no results.
    """
    if report.results is None:
        message = (
            "this report has no results, since the job was streamed: await the job instead, or collect its results"
        )
        raise ClientStateError(message)
    kind_of_frame = _chosen(backend)
    columns = (*_COLUMNS, *(_LINKS if links else ()))
    values = {name: [value(result) for result in report.results] for name, _, value in columns}
    kinds = {name: kind for name, kind, _ in columns}
    if kind_of_frame == "pandas":
        import pandas as pd

        return pd.DataFrame({name: pd.array(found, _IN_PANDAS[kinds[name]]) for name, found in values.items()})
    import narwhals

    schema = {name: getattr(narwhals, kind) for name, kind in kinds.items()}
    return narwhals.from_dict(values, schema, backend=kind_of_frame).to_native()


def _chosen(backend: str | None) -> Backend:
    """Return what kind of frame it will be.

    Raises:
        ConfigError: A package is missing, or nobody knows the kind.
    """
    asked: tuple[Backend, ...] = tuple(name for name in _BACKENDS if backend in {None, name})
    if not asked:
        raise ConfigError(f"backend must be one of {', '.join(_BACKENDS)}, not {backend!r:.40}")
    found = next((name for name in asked if find_spec(name) is not None), None)
    if found is None:
        wanted = backend or f"one of {', '.join(_BACKENDS)}"
        raise ConfigError(f"to_frame() needs {wanted}: pip install {backend or _BACKENDS[0]}")
    if found != "pandas" and find_spec("narwhals") is None:
        raise ConfigError("to_frame() needs narwhals: pip install 'airmeet-async[dataframe]'")
    return found


def html_of(report: BulkReport) -> str:
    """Return counts and causes as two tables. The notebook's own style applies."""
    statuses = [(status.value, f"{n:,}") for status, n in report.counts.items() if n or status is RowStatus.SUCCEEDED]
    causes = [
        (_text(group.code), f"{group.n:,}", ", ".join(map(str, group.sample_rows)), _text(group.message))
        for group in report.failures[:_MOST_CAUSES]
    ]
    effort = (
        f"{report.attempts:,} requests in {report.elapsed_s:,.1f} s, {report.rate_mean:,.1f}/s on average, "
        f"{report.throttled:,} throttled, {report.retries:,} sent again"
    )
    lines = [f"<p><strong>{report.succeeded:,} of {report.rows_read:,} rows succeeded</strong>; {effort}</p>"]
    lines += [f"<p>stopped early: {_text(report.stop_message)}</p>"] if report.stop_reason else []
    lines.append(_table("Rows by status", ("status", "rows"), statuses))
    if causes:
        lines.append(_table("Why rows did not succeed", ("code", "rows", "such as", "message"), causes))
    return "\n".join(lines)


def _text(text: str) -> str:
    return to_html(guard(clean(text)))


def _table(caption: str, names: tuple[str, ...], rows: list[Any]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
