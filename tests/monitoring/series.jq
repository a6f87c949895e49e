# Series in one form, {key, value}: of the exporter's text (raw) and of jackpot_metrics() (an array), with -n.
def unified:
    .labels |= (with_entries(if .key == "quantile" then .key = "q" else . end) | del(.server))
    | if .labels | has("le") and .le != "+Inf" then .labels.le |= (tonumber | tostring) else . end
    | {key: "\(.name) \([.labels | to_entries[] | "\(.key)=\(.value)"] | sort)", value: (.value | tonumber)};

def scraped:
    split("\n")[] | select(startswith("jackpot_"))
    | capture("^(?<name>[a-z_]+){(?<labels>.*)} (?<value>[^ ]+)$")
    | .labels |= ([scan("([a-z_]+)=\"((?:[^\"\\\\]|\\\\.)*)\"") | {(.[0]): ("\"\(.[1])\"" | fromjson)}] | add)
    | unified;

def known: .[] | unified;
