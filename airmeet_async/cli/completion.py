"""``airmeet completion``: the scripts for shells. The library writes them; files are what it leaves out."""

from typing import Literal

from cyclopts import App

_FILES = "complete -o bashdefault -o default -F _airmeet airmeet"


def script(app: App, shell: Literal["bash", "zsh", "fish"]) -> str:
    """Return the script for a shell.

    In bash, what the script has no words for is completed as a file, as FILE and --results need it.
    """
    text = app.generate_completion(prog_name="airmeet", shell=shell)
    return text.replace("complete -F _airmeet airmeet", _FILES).rstrip("\n")
