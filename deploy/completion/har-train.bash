# Made of the help of the command by `make manual`.
_har_train() {
    local options='--out --data --arch --config --fold --folds --cluster --background --footage --from-events --evidence --events-until --export --epochs --seed --cache -v --verbose --help'
    local words='' word command=
    COMPREPLY=()
    case $3 in
        --out|--data|--arch|--config|--fold|--cluster|--background|--footage|--from-events|--evidence|--events-until|--export|--epochs|--seed|--cache) return ;;
    esac
    if [[ $2 == -* ]]; then words=$options; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _har_train har-train
