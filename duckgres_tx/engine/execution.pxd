"""The class around a run, and how one is made."""

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.handles cimport StatementHandle
from duckgres_tx.engine.native_threads cimport Job, Pool
from duckgres_tx.engine.runs cimport Run, SharedRender
from duckgres_tx.engine.tasks cimport Core


cdef class Execution(Job):
    cdef bytes _take_slot(self, Run *run, int slot)


# A RenderOptions for C, as long as somebody holds it.
cdef class RenderBox:
    cdef SharedRender *shared

# A submitted execution with copies of what a Bind message said, its rows DataRows or, with a CopyFraming, CopyData;
# ValueError for counts that don't fit the statement.
cdef Execution start_execution(
    Pool pool, StatementHandle *statement, RenderBox render, object parameters, object parameter_formats,
    object parameter_oids, object result_formats, idx_t row_limit, object framing
)
cdef RenderBox make_render_box(Core *core, object options)

cdef void keep_render(SharedRender *shared) noexcept nogil
cdef void release_render(SharedRender *shared) noexcept nogil
