# Made of the help of the command by `make manual`.
_har_train() {
    local options='--out --data --arch --config --fold --folds --background --footage --from-events --evidence --events-until --export --epochs --seed --cache -v --verbose --help'
    COMPREPLY=()
    case $3 in
        --out|--data|--arch|--config|--fold|--background|--footage|--from-events|--evidence|--events-until|--export|--epochs|--seed|--cache) return ;;
    esac
    if [[ $2 != -* ]]; then return; fi
    COMPREPLY=($(compgen -W "$options" -- "$2"))
}
complete -o bashdefault -o default -F _har_train har-train
