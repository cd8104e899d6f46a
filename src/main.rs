//! The `igql` command.

fn main() -> std::process::ExitCode {
    igql::cli::main()
}
