"""How fast, how much memory, how well: the library beside its peers, each case in a process of its own.

```
cases, inputs, peers          what a case is, the data it runs on, the packages it may need
*_suite (knn, gnn, train, end_to_end, metrics)     the cases; per_edge: the model computed the obvious way
process, machine              a case in its own process; facts about the machine and its measured peak
run -> results -> tables, plot                     all cases in turns; the JSON that is kept; what is shown of it
```
The command is `workbench bench`. Nothing is asserted here: figures are a machine's own.
"""
