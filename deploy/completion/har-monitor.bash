# Made of the help of the command by `make manual`.
_har_monitor() {
    local options='--source --model --shadow --config --display --headless --log --threshold --stride --realtime --no-realtime --save-video --health --web --status --check -v --verbose --help'
    COMPREPLY=()
    local word command=
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in passwd) command=$word; break ;; esac
    done
    case $command in
        passwd) options='--users --role --camera --token --remove --help' ;;
    esac
    case $3 in
        --source|--model|--shadow|--config|--log|--threshold|--stride|--save-video|--health|--web|--users|--role|--camera) return ;;
    esac
    if [[ $2 != -* ]]; then
        if [[ -z $command ]]; then COMPREPLY=($(compgen -W 'passwd' -- "$2")); fi
        return
    fi
    COMPREPLY=($(compgen -W "$options" -- "$2"))
}
complete -o bashdefault -o default -F _har_monitor har-monitor
