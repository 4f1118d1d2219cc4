"""What the reference shows of the code: read by Griffe, which reads the sources and runs none of them.

1. A method such as `client.attendees.add` has the signature and the text of the function that makes its call.
2. Names in single backquotes are links, and the ``::`` before an example is left out.
"""

import copy
import re
from typing import Any

import griffe

_NAME = re.compile(r"(?<![`\[\w])`(?:airmeet_async\.)?([A-Z]\w+)(\(\))?`(?![`\]])")
_EXAMPLE = re.compile(r"^[ ]*::\n|(?<=:):$", re.MULTILINE)
_RETURNS = {"paged_list": "Listing", "whole_list": "Listing", "operation": ""}


class Docstrings(griffe.Extension):
    """Complete the operations, and translate the docstrings to Markdown."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change what was read of our package; others are left alone."""
        if pkg.name != "airmeet_async":
            return
        for group in pkg["client.namespaces"].classes.values():
            for name, attribute in list(group.attributes.items()):
                if isinstance(attribute.value, griffe.ExprCall) and str(attribute.value.function) in _RETURNS:
                    group.set_member(name, self._operation(pkg, name, attribute))
        self._public = {name for name, one in pkg.members.items() if one.is_alias and name[0].isupper()}
        self._translate(pkg, set())

    def _operation(self, pkg: griffe.Module, name: str, attribute: griffe.Attribute) -> griffe.Function:
        call: Any = attribute.value
        builder = pkg["calls"][str(call.arguments[0]).rpartition(".")[2]]
        builder = builder.final_target if builder.is_alias else builder
        reply = builder.returns.slice  # of Call[…]
        kind = _RETURNS[str(call.function)]
        own = griffe.Parameter("self", kind=griffe.ParameterKind.positional_only)
        method = griffe.Function(
            name,
            parameters=griffe.Parameters(own, *builder.parameters),
            returns=griffe.ExprSubscript(griffe.ExprName(kind, pkg["client.namespaces"]), reply.slice)
            if kind
            else reply,
            docstring=copy.copy(builder.docstring),
        )
        if method.docstring:
            method.docstring.parent = method
        method.labels |= set() if kind else {"async"}
        return method

    def _translate(self, one: griffe.Object | griffe.Alias, seen: set[str]) -> None:
        if one.is_alias or one.path in seen:
            return
        seen.add(one.path)
        if one.docstring:
            text = _EXAMPLE.sub("", one.docstring.value)
            one.docstring.value = _NAME.sub(self._link, text)
        for member in list(one.members.values()):
            self._translate(member, seen)

    def _link(self, name: re.Match[str]) -> str:
        return f"[{name.group()}][airmeet_async.{name[1]}]" if name[1] in self._public else name.group()
