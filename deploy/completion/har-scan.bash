# Made of the help of the command by `make manual`.
_har_scan() {
    local options='--out --model --config --camera --workers --cluster --segment-s --log --store --evidence -v --verbose --help'
    local words='' word command=
    COMPREPLY=()
    case $3 in
        --out|--model|--config|--camera|--workers|--cluster|--segment-s|--log|--store|--evidence) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_scan har-scan
