# fn NAME CALLEE [RETURN]: a function that calls another twice
fn() {
  printf "function { signature { name: '%s' input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'y' type: DT_FLOAT } }
    node_def { name: 'c' op: '%s' input: 'x' } node_def { name: 'd' op: '%s' input: 'c:y:0' }
    ret { key: 'y' value: '%s' } }\n" "$1" "$2" "$2" "${3:-d:y:0}"
}
# graph NAME: a graph that calls this function, with the library on standard input
graph() {
  printf "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
    attr { key: 'shape' value { shape { dim { size: 2 } } } } }\nnode { name: 'y' op: 'StatefulPartitionedCall' input: 'x'
    attr { key: 'Tin' value { list { type: DT_FLOAT } } } attr { key: 'Tout' value { list { type: DT_FLOAT } } }
    attr { key: 'f' value { func { name: '%s' } } } }\nlibrary {\n" "$1"
  cat
  printf "}\n"
}
# refused FILE: by run_graph with session and engine, of which nothing is left
refused() {
  for e in session engine; do
    run_graph --graph="$1" --feed=x=x.npy --fetch=y --out_dir=none --executor=$e && echo "run by $e"
  done
  ls none 2> /dev/null
  return 1
}
