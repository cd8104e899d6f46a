//! The `igql` command.

/// Columns of millions of rows come and go with every operator: an allocator that keeps their pages spares
/// the system from handing them out anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    igql::cli::main()
}
