//! `igql demo`: a generated world with tables, vectors, a catalog and programs to try.

mod files;
mod random;
mod world;

use super::{Failure, out};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct DemoArgs {
    /// The folder to write the world into
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    size: Size,
    /// Another world; the same seed and sizes give the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// How many of what.
#[derive(Args, Clone, Debug)]
pub struct Size {
    #[arg(long, value_name = "N", default_value = "2000", value_parser = count)]
    users: usize,
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count)]
    accounts: usize,
    #[arg(long, value_name = "N", default_value = "10000", value_parser = count)]
    media: usize,
    /// Media shown to users, whether they liked them or not
    #[arg(long, value_name = "N", default_value = "100000", value_parser = count)]
    impressions: usize,
}

/// At least one of each, and no more than a table can have.
fn count(text: &str) -> Result<usize, String> {
    match text.replace('_', "").parse() {
        Ok(n) if (1..=1_000_000_000).contains(&n) => Ok(n),
        _ => Err("expected a number from 1 to 1000000000".to_owned()),
    }
}

pub fn demo(args: &DemoArgs) -> Result<(), Failure> {
    if let Some(file) = files::foreign(&args.dir) {
        let file = file.display();
        return Err(Failure::Usage(format!(
            "{file}: this is not from `igql demo`, or was changed since, and would be overwritten\n\
             help: choose another folder, or delete the file first"
        )));
    }
    let world = world::World::new(&args.size, args.seed);
    files::write(&world, args)?;
    let dir = args.dir.display();
    out::say(format_args!(
        "{dir}: {} users, {} accounts, {} media, {} impressions\ntry:\n  igql run {dir}/published.igql --user {}",
        world.users.len(),
        world.accounts.len(),
        world.media.len(),
        world.impressions.len(),
        files::user_id(0),
    ));
    Ok(())
}
