# Made of the help of the command by `make manual`.
_har_export() {
    local options='--opset --engine --labels --fps --background --pixels --colours --logits --help'
    local words='' word command=
    COMPREPLY=()
    case $3 in
        --engine) COMPREPLY=($(compgen -W 'fused tf2onnx' -- "$2")); return ;;
        --pixels) COMPREPLY=($(compgen -W '0..1 -1..1 0..255' -- "$2")); return ;;
        --colours) COMPREPLY=($(compgen -W 'rgb bgr' -- "$2")); return ;;
        --opset|--labels|--fps|--background) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_export har-export
