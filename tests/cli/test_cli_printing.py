"""What commands print, on a terminal and into a file."""

from rich.console import Console

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


def test_a_download_in_a_file_is_a_line_now_and_then(capfd, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(printing.time, "monotonic", lambda: now[0])
    with printing.download_bar("yolox-s-coco") as progress:
        for done in range(0, 72_000_000, 2_000_000):
            now[0] += 1
            progress(done, 72_000_000 if done < 50_000_000 else 0)
    lines = capfd.readouterr().out.splitlines()
    assert lines == ["Downloading yolox-s-coco, MB: 28 of 72", "Downloading yolox-s-coco, MB: 58"]


def test_a_download_on_a_terminal_is_a_bar_from_its_first_byte_on(capfd, monkeypatch):
    console = Console(force_terminal=True, width=100)
    monkeypatch.setattr(printing, "_console", lambda: console)
    with printing.download_bar("yolox-s-coco"):
        pass
    assert "Downloading" not in capfd.readouterr().out
    with printing.download_bar("yolox-s-coco") as progress:
        progress(1_000_000, 0)
        progress(36_000_000, 72_000_000)
    out = capfd.readouterr().out
    assert "Downloading yolox-s-coco" in out
    assert "36.0/72.0 MB" in out


def test_a_terminal_obeys_nothing_in_a_name(capfd):
    printing.say("a\x1b]0;title\x07b\u202ec\udcff\x7f")
    printing.fail("\x1b[2Jgone", "  a.jpg\n  b.jpg")
    printing.show_table(["name", "count"], [["\x1b[31mred", "1"]])
    out, err = capfd.readouterr()
    assert out.splitlines()[0] == r"a\x1b]0;title\x07b\u202ec\udcff\x7f"
    assert err == "Error: \\x1b[2Jgone\n  a.jpg\\n  b.jpg\n"
    assert r"\x1b[31mred" in out
