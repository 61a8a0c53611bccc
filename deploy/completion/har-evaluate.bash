# Made of the help of the command by `make manual`.
_har_evaluate() {
    local options='--data --out --fold --stream --tune --footage --false-alarms-per-day --unknown --against --events --evidence --since --cache -v --verbose --help'
    local words='' word command=
    COMPREPLY=()
    case $3 in
        --data|--out|--fold|--footage|--false-alarms-per-day|--unknown|--against|--events|--evidence|--since|--cache) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_evaluate har-evaluate
