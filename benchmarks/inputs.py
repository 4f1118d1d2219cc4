"""Memory and CPU of reading input files: ``python -m benchmarks.inputs``, two minutes. Linux only.

Each file is read in a process of its own, to its end by `open_table` and once more by its batches; what is shown is how
much more memory the process has had at most than before. calamine, alone, reads the same workbooks for comparison.
"""

import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.memory import peak_mib

SIZES = (10_000, 100_000, 1_000_000)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"


def columns(rows):
    return {
        "email": [f"person-{n}@example.com" for n in range(rows)],
        "first_name": [f"Ada{n % 997}" for n in range(rows)],
        "last_name": [f"Lovelace {n}" for n in range(rows)],
    }


def write_xlsx(path, rows):
    """Write as Excel does: texts apart from the cells."""
    table = list(zip(*([name, *texts] for name, texts in columns(rows).items()), strict=True))
    link = f'<Relationships xmlns="{_LINKS}">%s</Relationships>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        main = f'<Relationship Id="a" Type="{_LINK}/officeDocument" Target="xl/workbook.xml"/>'
        file.writestr("_rels/.rels", link % main)
        parts = f'<Relationship Id="a" Type="{_LINK}/worksheet" Target="worksheets/sheet1.xml"/>'
        parts += f'<Relationship Id="b" Type="{_LINK}/sharedStrings" Target="sharedStrings.xml"/>'
        file.writestr("xl/_rels/workbook.xml.rels", link % parts)
        sheets = f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINK}"><sheets><sheet name="A" sheetId="1" r:id="a"/></sheets>'
        file.writestr("xl/workbook.xml", sheets + "</workbook>")
        with file.open("xl/sharedStrings.xml", "w") as part:
            part.write(f'<sst xmlns="{_MAIN}">'.encode())
            part.writelines(f"<si><t>{text}</t></si>".encode() for row in table for text in row)
            part.write(b"</sst>")
        with file.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for number in range(len(table)):
                cells = (f'<c r="{"ABC"[n]}{number + 1}" t="s"><v>{number * 3 + n}</v></c>' for n in range(3))
                part.write(f'<row r="{number + 1}">{"".join(cells)}</row>'.encode())
            part.write(b"</sheetData></worksheet>")


def write_parquet(path, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns(rows)), path)


def read(path):
    from airmeet_async.tables import open_table

    if path.endswith(".parquet"):
        import pyarrow.parquet  # noqa: F401 - what it takes to be there is not what reading takes
    before, start = peak_mib(), time.process_time()
    table = open_table(path).check()
    checked = time.process_time()
    rows = sum(len(found) for found, _ in table.chunks())
    return rows, peak_mib() - before, checked - start, time.process_time() - checked


def read_by_calamine(path):
    import python_calamine

    before, start = peak_mib(), time.process_time()
    rows = sum(1 for _ in python_calamine.load_workbook(path).get_sheet_by_index(0).iter_rows())
    return rows - 1, peak_mib() - before, time.process_time() - start, 0.0


READERS = {"airmeet-async": read, "calamine": read_by_calamine}


def main():
    if len(sys.argv) == 3:
        print(*READERS[sys.argv[1]](sys.argv[2]))
        return
    print("| file | reader | peak memory | check | once more |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        for kind, write in {"xlsx": write_xlsx, "parquet": write_parquet}.items():
            for rows in SIZES:
                path = Path(folder) / f"people-{rows}.{kind}"
                write(path, rows)
                for reader in READERS if kind == "xlsx" else ["airmeet-async"]:
                    command = [sys.executable, "-m", "benchmarks.inputs", reader, str(path)]
                    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
                    if int(said[0]) != rows:
                        raise AssertionError(f"{said[0]} of {rows} rows")
                    mib, check, again = map(float, said[1:])
                    print(f"| {rows:,} rows, .{kind} | {reader} | +{mib:.0f} MiB | {check:.1f} s | {again:.1f} s |")


if __name__ == "__main__":
    main()
