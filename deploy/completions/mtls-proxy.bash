# shellcheck shell=bash
# bash completion for mtls-proxy(8): commands and options are asked of the program itself.
#
# SPDX-License-Identifier: MIT

_mtls_proxy() {
    local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words="" help
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words="$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p') --help --version"
    else
        help=$("$program" "$command" --help 2>/dev/null)
        case $before in
        --format) words="$(sed -n 's/.*--format \([a-z|]*\).*/\1/p' <<<"$help" | head -n 1 | tr '|' ' ')" ;;
        --trust-mode) words="machine exclusive_root exclusive_ca all" ;;
        --key-type) words="p256 p384 rsa2048 rsa4096 ed25519" ;;
        *)
            if [[ $current == -* ]]; then
                words=$(grep -oE -- '--[a-z][a-z-]*' <<<"$help" | sort -u)
            elif ((COMP_CWORD == 2)) && grep -q "^usage: mtls-proxy $command [a-z]" <<<"$help"; then
                words=$(sed -nE "s/^(usage:|      ) mtls-proxy $command ([a-z]+).*/\\2/p" <<<"$help")
            fi
            ;;
        esac
    fi
    if [[ -n $words || $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _mtls_proxy mtls-proxy
