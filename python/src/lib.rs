//! The module `igql._igql`: the engine as Python sees it. What is pleasant to use is made of it in `igql/`.

mod answers;
mod arrow;
mod engine;
mod errors;
mod functions;
mod process;
mod program;
mod progress;
mod reports;
mod requests;
mod values;
mod waiting;

use pyo3::prelude::*;

/// Columns of millions of rows come and go with every operator: as in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule(gil_used = true)]
fn _igql(module: &Bound<'_, PyModule>) -> PyResult<()> {
    waiting::loaded();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::PyEngine>()?;
    module.add_class::<program::PyProgram>()?;
    module.add_class::<answers::PyAnswer>()?;
    module.add_class::<answers::PyAnswers>()?;
    module.add_class::<answers::PyRows>()?;
    module.add_class::<answers::PyRow>()?;
    module.add_class::<answers::PyStream>()?;
    module.add_class::<arrow::PyTable>()?;
    module.add_function(wrap_pyfunction!(reports::_replay, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_tune, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_train, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_source, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_explain, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_describe, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_init, module)?)?;
    module.add_function(wrap_pyfunction!(reports::_command, module)?)?;
    module.add_function(wrap_pyfunction!(waiting::_closing, module)?)?;
    module.add_function(wrap_pyfunction!(engine::_open, module)?)?;
    module.add_function(wrap_pyfunction!(engine::_opened, module)?)?;
    module.add_function(wrap_pyfunction!(program::_compiled, module)?)?;
    Ok(())
}
