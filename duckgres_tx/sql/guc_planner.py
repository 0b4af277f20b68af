"""The parameters of PostgreSQL's planner: accepted, remembered and shown, without effect (see ``guc_table``).

Names, ranges and descriptions are those of PostgreSQL's ``pg_settings``. A value that would change what a statement
means is refused: the line ``only`` lists what is accepted.
"""

from __future__ import annotations

PLANNER = r"""
effect: none; DuckDB plans by its own rules
enable_async_append | bool | user | on
    Enables the planner's use of async append plans.
enable_bitmapscan | bool | user | on
    Enables the planner's use of bitmap-scan plans.
enable_gathermerge | bool | user | on
    Enables the planner's use of gather merge plans.
enable_hashagg | bool | user | on
    Enables the planner's use of hashed aggregation plans.
enable_hashjoin | bool | user | on
    Enables the planner's use of hash join plans.
enable_incremental_sort | bool | user | on
    Enables the planner's use of incremental sort steps.
enable_indexonlyscan | bool | user | on
    Enables the planner's use of index-only-scan plans.
enable_indexscan | bool | user | on
    Enables the planner's use of index-scan plans.
enable_material | bool | user | on
    Enables the planner's use of materialization.
enable_memoize | bool | user | on
    Enables the planner's use of memoization.
enable_mergejoin | bool | user | on
    Enables the planner's use of merge join plans.
enable_nestloop | bool | user | on
    Enables the planner's use of nested-loop join plans.
enable_parallel_append | bool | user | on
    Enables the planner's use of parallel append plans.
enable_parallel_hash | bool | user | on
    Enables the planner's use of parallel hash plans.
enable_partition_pruning | bool | user | on
    Enables plan-time and execution-time partition pruning.
enable_partitionwise_aggregate | bool | user | off
    Enables partitionwise aggregation and grouping.
enable_partitionwise_join | bool | user | off
    Enables partitionwise join.
enable_seqscan | bool | user | on
    Enables the planner's use of sequential-scan plans.
enable_sort | bool | user | on
    Enables the planner's use of explicit sort steps.
enable_tidscan | bool | user | on
    Enables the planner's use of TID scan plans.
constraint_exclusion | enum | user | partition | partition on off
    Enables the planner to use constraints to optimize queries.
cpu_index_tuple_cost | real | user | 0.005 | 0..1.79769e+308
    Sets the planner's estimate of the cost of processing each index entry during an index scan.
cpu_operator_cost | real | user | 0.0025 | 0..1.79769e+308
    Sets the planner's estimate of the cost of processing each operator or function call.
cpu_tuple_cost | real | user | 0.01 | 0..1.79769e+308
    Sets the planner's estimate of the cost of processing each tuple (row).
cursor_tuple_fraction | real | user | 0.1 | 0..1
    Sets the planner's estimate of the fraction of a cursor's rows that will be retrieved.
default_statistics_target | int | user | 100 | 1..10000
    Sets the default statistics target.
effective_cache_size | int:8kB | user | 524288 | 1..2147483647
    Sets the planner's assumption about the total size of the data caches.
effective_io_concurrency | int | user | 1 | 0..1000
    Number of simultaneous requests that can be handled efficiently by the disk subsystem.
from_collapse_limit | int | user | 8 | 1..2147483647
    Sets the FROM-list size beyond which subqueries are not collapsed.
geqo | bool | user | on
    Enables genetic query optimization.
geqo_effort | int | user | 5 | 1..10
    GEQO: effort is used to set the default for other GEQO parameters.
geqo_generations | int | user | 0 | 0..2147483647
    GEQO: number of iterations of the algorithm.
geqo_pool_size | int | user | 0 | 0..2147483647
    GEQO: number of individuals in the population.
geqo_seed | real | user | 0 | 0..1
    GEQO: seed for random path selection.
geqo_selection_bias | real | user | 2 | 1.5..2
    GEQO: selective pressure within the population.
geqo_threshold | int | user | 12 | 2..2147483647
    Sets the threshold of FROM items beyond which GEQO is used.
join_collapse_limit | int | user | 8 | 1..2147483647
    Sets the FROM-list size beyond which JOIN constructs are not flattened.
jit | bool | user | off
    Allow JIT compilation.
jit_above_cost | real | user | 100000 | -1..1.79769e+308
    Perform JIT compilation if query is more expensive.
jit_expressions | bool | user | on
    Allow JIT compilation of expressions.
jit_inline_above_cost | real | user | 500000 | -1..1.79769e+308
    Perform JIT inlining if query is more expensive.
jit_optimize_above_cost | real | user | 500000 | -1..1.79769e+308
    Optimize JIT-compiled functions if query is more expensive.
jit_tuple_deforming | bool | user | on
    Allow JIT compilation of tuple deforming.
maintenance_io_concurrency | int | user | 10 | 0..1000
    A variant of effective_io_concurrency that is used for maintenance work.
max_parallel_maintenance_workers | int | user | 2 | 0..1024
    Sets the maximum number of parallel processes per maintenance operation.
max_parallel_workers | int | user | 8 | 0..1024
    Sets the maximum number of parallel workers that can be active at one time.
max_parallel_workers_per_gather | int | user | 2 | 0..1024
    Sets the maximum number of parallel processes per executor node.
min_parallel_index_scan_size | int:8kB | user | 64 | 0..715827882
    Sets the minimum amount of index data for a parallel scan.
min_parallel_table_scan_size | int:8kB | user | 1024 | 0..715827882
    Sets the minimum amount of table data for a parallel scan.
parallel_leader_participation | bool | user | on
    Controls whether Gather and Gather Merge also run subplans.
parallel_setup_cost | real | user | 1000 | 0..1.79769e+308
    Sets the planner's estimate of the cost of starting up worker processes for parallel query.
parallel_tuple_cost | real | user | 0.1 | 0..1.79769e+308
    Sets the planner's estimate of the cost of passing each tuple (row) from worker to leader backend.
plan_cache_mode | enum | user | auto | auto force_generic_plan force_custom_plan
    Controls the planner's selection of custom or generic plan.
random_page_cost | real | user | 4 | 0..1.79769e+308
    Sets the planner's estimate of the cost of a nonsequentially fetched disk page.
recursive_worktable_factor | real | user | 10 | 0.001..1e+06
    Sets the planner's estimate of the average size of a recursive query's working table.
seq_page_cost | real | user | 1 | 0..1.79769e+308
    Sets the planner's estimate of the cost of a sequentially fetched disk page.
enable_presorted_aggregate | bool | user | on
    Enables the planner's ability to produce plans that provide presorted input for ORDER BY / DISTINCT
    aggregate functions.
debug_parallel_query | enum | user | off | off on regress
    Forces the planner's use parallel query nodes.
force_parallel_mode | enum | user | off | off on regress
    The name of debug_parallel_query before PostgreSQL 16.
"""
