# Puts passwords where their readers find them: FOLDER/READER holds `export NAME='value'`, which only READER's user may read.
#
#   sh prepare.sh FOLDER READER:UID:NAME[=NAME OF THE READER'S OWN][,...]...
#
# A password given in the environment, from .env, is used. One that is not is made once, at random, and kept in FOLDER:
# a lost .env changes nothing. Several containers may do this at once; all end with the same passwords.
set -eu
umask 077
folder=$1
shift
mkdir -p "$folder/kept"
chmod 755 "$folder"

keep() {
    eval "given=\${$1:-}"
    new=$folder/kept/.$1.$(hostname).$$
    if [ -n "$given" ]; then
        printf %s "$given" >"$new"
        if [ -e "$folder/kept/$1" ] && ! cmp -s "$new" "$folder/kept/$1"; then
            rm "$new"
            echo "$1 in .env is not the password that the data here was made with. Remove it from .env to go on with that" \
                "one. To change it, change it in the program first, then: docker compose run --rm prepare rm $folder/kept/$1" >&2
            exit 1
        fi
        mv "$new" "$folder/kept/$1"
    elif [ ! -e "$folder/kept/$1" ]; then
        head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$new"
        # Whoever links first has made it.
        ln "$new" "$folder/kept/$1" 2>/dev/null || true
        rm "$new"
    fi
}

for entry; do
    reader=${entry%%:*}
    names=${entry##*:}
    uid=${entry#*:}
    uid=${uid%%:*}
    part=$folder/.$reader.$(hostname).$$
    for pair in $(echo "$names" | tr , ' '); do
        name=${pair%%=*}
        keep "$name"
        printf "export %s='%s'\n" "${pair##*=}" "$(sed "s/'/'\\\\''/g" "$folder/kept/$name")"
    done >"$part"
    chmod 400 "$part"
    chown "$uid" "$part"
    mv "$part" "$folder/$reader"
done
