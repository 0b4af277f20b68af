"""DuckDB's own settings, and which of them a session may change.

A setting is a session's to change when DuckDB keeps it per connection and it can neither reach a file, nor the process'
output, nor another session, nor the form in which errors and results come back to this server. All others are
the server configuration's. What is both a PostgreSQL parameter and a DuckDB setting (TimeZone, search_path) isn't here:
``variables`` has it.
"""

from __future__ import annotations

_SESSION_SETTINGS_WORDS = """
    asof_loop_join_threshold binary_as_string calendar default_collation default_null_order default_order
    deprecated_using_key_syntax disable_timestamptz_casts dynamic_or_filter_threshold enable_caching_operators
    enable_geoparquet_conversion explain_output ieee_floating_point_ops ignore_unknown_crs index_scan_max_count
    index_scan_percentage integer_division lambda_syntax late_materialization_max_rows merge_join_threshold
    nested_loop_join_threshold null_order old_implicit_casting order_by_non_integer_literal
    ordered_aggregate_threshold partitioned_write_flush_threshold partitioned_write_max_open_files
    perfect_ht_threshold pivot_filter_threshold pivot_limit prefer_range_joins preserve_identifier_case
    preserve_insertion_order scalar_subquery_error_on_multiple_rows write_buffer_row_group_count
"""
SESSION_SETTINGS = frozenset(_SESSION_SETTINGS_WORDS.split())
"""Kept per connection and harmless; ``SET`` of these goes to DuckDB."""

_SERVER_SETTINGS_WORDS = """
    access_mode allocator_background_threads allocator_bulk_deallocation_flush_threshold
    allocator_flush_threshold allow_community_extensions allow_extensions_metadata_mismatch
    allow_parser_override_extension allow_persistent_secrets allow_unredacted_secrets allow_unsigned_extensions
    allowed_configs allowed_directories allowed_paths arrow_large_buffer_size arrow_lossless_conversion
    arrow_output_list_view arrow_output_version auto_checkpoint_skip_wal_threshold
    autoinstall_extension_repository autoinstall_known_extensions autoload_known_extensions
    block_allocator_memory catalog_error_max_schemas checkpoint_threshold
    current_transaction_invalidation_policy custom_extension_repository custom_profiling_settings
    custom_user_agent debug_asof_iejoin debug_checkpoint_abort debug_checkpoint_sleep_ms
    debug_eviction_queue_sleep_micro_seconds debug_force_external debug_force_no_cross_product
    debug_physical_table_scan_execution_strategy debug_skip_checkpoint_on_commit debug_verify_blocks
    debug_verify_vector debug_window_mode default_block_size default_secret_storage
    disable_database_invalidation disable_parquet_prefetching disabled_compression_methods disabled_filesystems
    disabled_log_types disabled_optimizers duckdb_api enable_external_access enable_external_file_cache
    enable_fsst_vectors enable_http_logging enable_http_metadata_cache enable_logging enable_macro_dependencies
    enable_object_cache enable_profiling enable_progress_bar enable_progress_bar_print enable_view_dependencies
    enabled_log_types errors_as_json experimental_metadata_reuse extension_directories extension_directory
    external_threads file_search_path force_bitpacking_mode force_column_metadata_reuse force_compression
    force_mbedtls_unsafe force_variant_shredding geometry_minimum_shredding_size home_directory
    http_logging_output http_proxy http_proxy_password http_proxy_username immediate_transaction_mode
    lock_configuration log_query_path logging_level logging_mode logging_storage max_expression_depth max_memory
    max_temp_directory_size max_vacuum_tasks memory_limit pandas_analyze_sample parquet_metadata_cache password
    pin_threads prefetch_all_parquet_files produce_arrow_string_view profile_output profiling_coverage
    profiling_mode profiling_output progress_bar_time python_enable_replacements python_scan_all_frames
    scheduler_process_partial secret_directory storage_block_prefetch storage_compatibility_version
    streaming_buffer_size temp_directory temp_file_encryption threads username vacuum_rebuild_indexes
    validate_external_file_cache variant_minimum_shredding_size wal_autocheckpoint wal_autocheckpoint_entries
    warnings_as_errors worker_threads write_buffer_row_group_memory_limit zstd_min_string_length
"""
SERVER_SETTINGS = frozenset(_SERVER_SETTINGS_WORDS.split())
"""The instance's, or this server's own; ``SET`` of these is refused."""


def is_duckdb_setting(name: str) -> bool:
    """Whether this (lower-case) name is a setting of DuckDB and no parameter of PostgreSQL."""
    return name in SESSION_SETTINGS or name in SERVER_SETTINGS
