"""Completion of the commands in bash, zsh and fish.

The scripts hold what can be completed, so a key costs no start of Python.
"""

from collections.abc import Sequence

from deploy.manual import Manual, Option

_MADE = "# Made of the help of the command by `make manual`."


def bash(manual: Manual) -> str:
    """For bash; where nothing of the command fits, bash itself completes files."""
    function = _function(manual)
    names = _names(manual)
    values = [
        f"        {'|'.join(option.names)}) "
        f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$2")); return ;;'
        for option in manual.every_option
        if option.choices
    ]
    free = [option for option in manual.every_option if option.metavar and not option.choices]
    if free:
        names_of_free = "|".join(name for option in free for name in option.names)
        values.append(f"        {names_of_free}) return ;;")
    inner = [
        f"        {one.name}) options={_quoted(_spaced(one.every_option))} "
        f"words={_quoted(' '.join(_names(one)))} ;;"
        for one in manual.commands
    ]
    find = f"""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {"|".join(names)}) command=$word; break ;; esac
    done
    case $command in
{_lines(inner)}
    esac"""
    return f"""{_MADE}
{function}() {{
    local options={_quoted(_spaced(manual.options))}
    local words={_quoted(" ".join(names))} word command=
    COMPREPLY=(){find if names else ""}
    case $3 in
{_lines(values)}
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}}
complete -o bashdefault -o default -F {function} {manual.name}
"""


def zsh(manual: Manual) -> str:
    """For zsh: a file of a folder in its `fpath`."""
    arguments = _zsh_arguments(manual, manual.options)
    if not manual.commands:
        return f"#compdef {manual.name}\n{_MADE}\n_arguments -s \\\n{arguments}\n"
    commands = _lines(
        [
            f"    {one.name})\n        _arguments -s \\\n{_zsh_inner(one)} ;;"
            for one in manual.commands
        ]
    )
    return f"""#compdef {manual.name}
{_MADE}
local state line
_arguments -s -C \\
{arguments} \\
    '1:command:({" ".join(_names(manual))})' \\
    '*::argument:->inner' && return
case $line[1] in
{commands}
esac
"""


def fish(manual: Manual) -> str:
    """For fish."""
    names = " ".join(_names(manual))
    outside = f"not __fish_seen_subcommand_from {names}" if names else ""
    lines = [_MADE, *(_fish(manual.name, option, outside) for option in manual.options)]
    for one in manual.commands:
        lines.append(
            f"complete -c {manual.name} -n __fish_use_subcommand -a {one.name} "
            f"-d {_quoted(one.summary)}"
        )
        inside = f"__fish_seen_subcommand_from {one.name}"
        lines += [
            f"complete -c {manual.name} -n {_quoted(inside)} -a {inner.name} "
            f"-d {_quoted(inner.summary)}"
            for inner in one.commands
        ]
        lines += [_fish(manual.name, option, inside) for option in one.every_option]
    return "\n".join(lines) + "\n"


def _function(manual: Manual) -> str:
    return "_" + manual.name.replace("-", "_")


def _lines(lines: list[str]) -> str:
    return "\n".join(lines)


def _names(manual: Manual) -> list[str]:
    return [one.name for one in manual.commands]


def _spaced(options: Sequence[Option]) -> str:
    return " ".join(name for option in options for name in option.names)


def _quoted(text: str) -> str:
    """A word of a shell, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_inner(manual: Manual) -> str:
    """The arguments of a command within another: its own, and those of the commands within it."""
    words = _zsh_arguments(manual, manual.every_option)
    if not manual.commands:
        return words
    return f"{words} \\\n    '1:command:({' '.join(_names(manual))})' '*:argument:_files'"


def _zsh_arguments(manual: Manual, options: Sequence[Option]) -> str:
    lines = []
    for option in options:
        said = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
        value = ""
        if option.metavar:
            action = f"({' '.join(option.choices)})" if option.choices else "_files"
            value = f":value:{action}"
        for name in option.names:
            equals = "=" if value and name.startswith("--") else ""
            lines.append(f"    {_quoted(f'*{name}{equals}[{said}]{value}')}")
    lines += [f"    {_quoted(f':{name}:_files')}" for name, _ in manual.arguments]
    return " \\\n".join(lines)


def _fish(command: str, option: Option, condition: str) -> str:
    words = [f"complete -c {command}"]
    if condition:
        words.append(f"-n {_quoted(condition)}")
    words += [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    ]
    if option.choices:
        words.append(f"-x -a {_quoted(' '.join(option.choices))}")
    elif option.metavar:
        words.append("-r -F")
    return " ".join([*words, f"-d {_quoted(option.help)}"])
