"""Completion of the commands in bash, zsh and fish.

The scripts hold what can be completed, so a key costs no start of Python.
"""

from collections.abc import Iterator

from deploy.manual import Manual, Option

_MADE = "# Made of the help of the command by `make manual`."


def bash(manual: Manual) -> str:
    """For bash; where nothing of the command fits, bash itself completes files."""
    function = _function(manual)
    every = (manual, *manual.commands)
    names = [one.name for one in manual.commands]
    of_command = [
        f"        {one.name}) options={_quoted(_spaced(one))} ;;" for one in manual.commands
    ]
    options = _each_once(option for one in every for option in one.options if option.metavar)
    values = [
        f"        {'|'.join(option.names)}) "
        f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$2")); return ;;'
        for option in options
        if option.choices
    ]
    free = [name for option in options if not option.choices for name in option.names]
    if free:
        values.append(f"        {'|'.join(free)}) return ;;")
    find = f"""
    local word command=
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {"|".join(names)}) command=$word; break ;; esac
    done
    case $command in
{_lines(of_command)}
    esac"""
    first = f"""
    if [[ $2 != -* ]]; then
        if [[ -z $command ]]; then COMPREPLY=($(compgen -W {_quoted(" ".join(names))} -- "$2")); fi
        return
    fi"""
    files = """
    if [[ $2 != -* ]]; then return; fi"""
    return f"""{_MADE}
{function}() {{
    local options={_quoted(_spaced(manual))}
    COMPREPLY=(){find if names else ""}
    case $3 in
{_lines(values)}
    esac{first if names else files}
    COMPREPLY=($(compgen -W "$options" -- "$2"))
}}
complete -o bashdefault -o default -F {function} {manual.name}
"""


def zsh(manual: Manual) -> str:
    """For zsh: a file of a folder in its `fpath`."""
    if not manual.commands:
        return f"#compdef {manual.name}\n{_MADE}\n_arguments -s \\\n{_zsh_arguments(manual)}\n"
    commands = _lines(
        [
            f"    {one.name})\n        _arguments -s \\\n{_zsh_arguments(one)} ;;"
            for one in manual.commands
        ]
    )
    names = " ".join(one.name for one in manual.commands)
    return f"""#compdef {manual.name}
{_MADE}
local state line
_arguments -s -C \\
{_zsh_arguments(manual)} \\
    '1:command:({names})' \\
    '*::argument:->inner' && return
case $line[1] in
{commands}
esac
"""


def fish(manual: Manual) -> str:
    """For fish."""
    names = " ".join(one.name for one in manual.commands)
    outside = f"not __fish_seen_subcommand_from {names}" if names else ""
    lines = [_MADE, *(_fish(manual.name, option, outside) for option in manual.options)]
    for one in manual.commands:
        lines.append(
            f"complete -c {manual.name} -n __fish_use_subcommand -a {one.name} "
            f"-d {_quoted(one.summary)}"
        )
        inside = f"__fish_seen_subcommand_from {one.name}"
        lines += [_fish(manual.name, option, inside) for option in one.options]
    return "\n".join(lines) + "\n"


def _function(manual: Manual) -> str:
    return "_" + manual.name.replace("-", "_")


def _lines(lines: list[str]) -> str:
    return "\n".join(lines)


def _spaced(manual: Manual) -> str:
    return " ".join(name for option in manual.options for name in option.names)


def _quoted(text: str) -> str:
    """A word of a shell, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"


def _each_once(options: Iterator[Option]) -> list[Option]:
    """The first of each name: commands of one family mean the same by it."""
    return list({option.names: option for option in options}.values())


def _zsh_arguments(manual: Manual) -> str:
    lines = []
    for option in manual.options:
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
