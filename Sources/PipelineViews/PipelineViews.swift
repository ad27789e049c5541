/// What people see of a pipeline: the tree on a terminal while it runs, and the report of one that the store remembers.
///
/// Everything here is a pure function of events or of a record; only `PipelineRecord` reads, from the store alone.
package enum PipelineViews {}
