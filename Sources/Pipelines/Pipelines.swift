// Pipelines: a YAML file becomes diagnostics, typed expressions and a plan. Pure: it reads nothing but what it is handed, starts
// nothing, and knows no clock, so the same file and the same answers always give the same plan.
//
//   Expressions/   `${{ … }}`: values, the language, its types and its evaluation
//   File/          the typed pipeline file, with a source location for everything
//   Plan/          nodes, edges, cells; what is known before the start
//   CacheKey/      when two steps are the same work, and why they are not
