"""``airmeet completion``: the scripts for shells. The library writes them; files are what it leaves out.

Our files are typed as text, since - and an address may stand there, too. So whatever a script has no words for is
completed as a file: FILE, --results and so on. Fish does that by itself.
"""

import re
from typing import Literal

from cyclopts import App

_IN_BASH = ("complete -F _airmeet airmeet", "complete -o bashdefault -o default -F _airmeet airmeet")
_IN_ZSH = re.compile(r"^( +'(?:\*-[^\]]*\[(?!.*:->).*\]:[\w-]+|\d+:(?!.*:->).*|\*:(?!:).*))'( \\)?$", re.MULTILINE)

_ZSH_END = """
if [ "$funcstack[1]" = "_airmeet" ]; then
  _airmeet "$@"
else
  compdef _airmeet airmeet
fi"""
"""So that it works under the name _airmeet in a directory of fpath, and when it is sourced."""


def script(app: App, shell: Literal["bash", "zsh", "fish"]) -> str:
    """Return the script for a shell."""
    text = app.generate_completion(prog_name="airmeet", shell=shell).rstrip("\n")
    if shell == "bash":
        return text.replace(*_IN_BASH)
    if shell == "zsh":
        return _IN_ZSH.sub(r"\1:_files'\2", text).replace("_cyclopts_airmeet", "_airmeet") + _ZSH_END
    return text
