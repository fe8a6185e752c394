# For interactive bash of every user.
[ -n "${PS1:-}" ] || return
shopt -s checkwinsize histappend
PS1='[\u@\h \W]\$ '
alias ls='ls --color=auto' grep='grep --color=auto' ll='ls -l'

# bash-completion is 120 KB of script: read when the first Tab needs it, not at each login.
_load_completion() {
  unset -f _load_completion
  . /usr/share/bash-completion/bash_completion
  _comp_complete_load "$@" # as it would have been called, had it been there: without this the first Tab does nothing
}
complete -D -F _load_completion
