# Made of the help of the command by `make manual`.
_har_monitor() {
    local options='--source --model --shadow --config --display --headless --log --threshold --stride --realtime --no-realtime --save-video --health --web --shard --cluster --no-page --status --check -v --verbose --help'
    local words='cluster init notify page passwd probe' word command=
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in cluster|init|notify|page|passwd|probe) command=$word; break ;; esac
    done
    case $command in
        cluster) options='--config --address --help' words='status drain stop' ;;
        init) options='--source --config --add --discover --seconds --yes --help' words='' ;;
        notify) options='--config --help' words='test status snooze disarm arm' ;;
        page) options='--config --log --help' words='' ;;
        passwd) options='--users --role --camera --token --remove --help' words='' ;;
        probe) options='--seconds --json --help' words='' ;;
    esac
    case $3 in
        --config|--address|--source|--discover|--seconds|--log|--users|--role|--camera|--model|--shadow|--threshold|--stride|--save-video|--health|--web|--shard|--cluster) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_monitor har-monitor
