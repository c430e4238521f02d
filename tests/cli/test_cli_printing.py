"""What commands print, on a terminal and into a file."""

from detect.cli import printing


def test_lines_are_printed_as_they_are(capfd):
    line = "[bold]not markup[/bold] " + "word " * 60 + "runs/a_1.5x"
    printing.say(line, style="bold")
    printing.fail(line)
    out, err = capfd.readouterr()
    assert out == line + "\n"
    assert err == f"Error: {line}\n"


def test_tables_in_files_keep_their_columns_together(capfd):
    names = [f"column {number}" for number in range(12)]
    printing.show_table(names, [["[class]", *["0.1234"] * 11]])
    lines = capfd.readouterr().out.splitlines()
    assert any(all(name in line for name in names) for line in lines)
    assert any("[class]" in line and line.count("0.1234") == 11 for line in lines)


def test_progress_in_a_file_is_a_line_now_and_then(capfd, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(printing.time, "monotonic", lambda: now[0])
    with printing.progress_bar("frames") as progress:
        for done in range(1, 41):
            now[0] += 1
            progress(done, 40 if done < 20 else None, "7/s")
    assert capfd.readouterr().out.splitlines() == ["frames 15 of 40 7/s", "frames 30 7/s"]
