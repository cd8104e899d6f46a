//! `igql demo`: a generated world with tables, vectors, a catalog and programs to try.

mod activity;
mod files;
mod random;
mod world;

use super::args::within;
use super::{Failure, out};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql demo world\n  \
    igql demo world --users 10000 --media 50000 --impressions 1000000 --seed 7\n  \
    igql demo world --style 4")]
pub struct DemoArgs {
    /// The folder to write to
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    size: Size,
    /// Another data set; the same seed and sizes give the same bytes
    #[arg(long, value_name = "N", default_value = "1", value_parser = within(0, u64::MAX))]
    seed: u64,
}

/// How many of what.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// Users who follow accounts and like media
    #[arg(long, value_name = "N", default_value = "2000", value_parser = within(1, MOST))]
    users: usize,
    /// Accounts that post
    #[arg(long, value_name = "N", default_value = "1000", value_parser = within(1, MOST))]
    accounts: usize,
    /// Media that accounts posted
    #[arg(long, value_name = "N", default_value = "10000", value_parser = within(1, MOST))]
    media: usize,
    /// Media shown to users, whether they liked them or not
    #[arg(long, value_name = "N", default_value = "100000", value_parser = within(1, MOST))]
    impressions: usize,
    /// How much users care for a style of media that no table holds; 0: not at all
    #[arg(long, value_name = "WEIGHT", default_value = "0", value_parser = weight)]
    style: f64,
}

/// More would leave nothing else to like.
fn weight(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(weight) if (0.0..=10.0).contains(&weight) => Ok(weight),
        _ => Err("expected a number from 0 to 10".to_owned()),
    }
}

/// No more than a table can have.
const MOST: usize = 1_000_000_000;

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
