"""``airmeet completion``: the scripts for shells. Cyclopts writes them; files are what it leaves out.

Our files are typed as text, since - and an address may stand there, too. So whatever a script has no words for is
completed as a file: FILE, --results and so on. Fish does that by itself.
"""

import re
from typing import Literal

_IN_BASH = ("complete -F _airmeet airmeet", "complete -o bashdefault -o default -F _airmeet airmeet")
_IN_ZSH = re.compile(r"^( +'(?:\*-[^\]]*\[(?!.*:->).*\]:[\w-]+|\d+:(?!.*:->).*|\*:(?!:).*))'( \\)?$", re.MULTILINE)

# So that it works under the name _airmeet in a directory of fpath, and when it is sourced.
_ZSH_END = """
if [ "$funcstack[1]" = "_airmeet" ]; then
  _airmeet "$@"
else
  compdef _airmeet airmeet
fi"""


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print a script for shell completion of commands, options and files.

    For example:
      airmeet completion bash > ~/.local/share/bash-completion/completions/airmeet
      airmeet completion zsh > ~/.zfunc/_airmeet
      airmeet completion fish > ~/.config/fish/completions/airmeet.fish

    The directory must exist (mkdir -p). For zsh it must be in fpath: put
    fpath+=~/.zfunc in ~/.zshrc, before compinit. For the current shell only:

      source <(airmeet completion bash)

    Args:
        shell: The shell.
    """
    from airmeet_async.cli.app import app
    from airmeet_async.cli.console import print_data

    script = app.generate_completion(prog_name="airmeet", shell=shell).rstrip("\n")
    if shell == "bash":
        script = script.replace(*_IN_BASH)
    elif shell == "zsh":
        script = _IN_ZSH.sub(r"\1:_files'\2", script).replace("_cyclopts_airmeet", "_airmeet") + _ZSH_END
    print_data(script)
    return 0
