# Made of the help of the command by `make manual`.
_har_events() {
    local options='--store --config --help'
    local words='list show export rebuild prune' word command=
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in list|show|export|rebuild|prune) command=$word; break ;; esac
    done
    case $command in
        list) options='--limit --json --camera --label --review --origin --since --until --min-score --marked --unmarked --help' words='' ;;
        show) options='--json --help' words='' ;;
        export) options='--camera --label --review --origin --since --until --min-score --marked --unmarked --help' words='' ;;
        rebuild) options='--help' words='' ;;
        prune) options='--days --help' words='' ;;
    esac
    case $3 in
        --limit|--camera|--label|--review|--origin|--since|--until|--min-score|--days|--store|--config) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_events har-events
