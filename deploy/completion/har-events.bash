# Made of the help of the command by `make manual`.
_har_events() {
    local options='--store --config --help'
    COMPREPLY=()
    local word command=
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in list|show|export|rebuild|prune) command=$word; break ;; esac
    done
    case $command in
        list) options='--limit --json --camera --label --review --origin --since --until --min-score --marked --unmarked --help' ;;
        show) options='--json --help' ;;
        export) options='--camera --label --review --origin --since --until --min-score --marked --unmarked --help' ;;
        rebuild) options='--help' ;;
        prune) options='--days --help' ;;
    esac
    case $3 in
        --store|--config|--limit|--camera|--label|--review|--origin|--since|--until|--min-score|--days) return ;;
    esac
    if [[ $2 != -* ]]; then
        if [[ -z $command ]]; then COMPREPLY=($(compgen -W 'list show export rebuild prune' -- "$2")); fi
        return
    fi
    COMPREPLY=($(compgen -W "$options" -- "$2"))
}
complete -o bashdefault -o default -F _har_events har-events
