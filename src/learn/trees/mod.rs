//! Ensembles of trees that other libraries have trained: LightGBM and XGBoost. Knows nothing of the language.
//!
//! A reader makes of a file what the library itself makes of it, to the bit where the library computes in 64 bits: what
//! counts as missing, on which side of a threshold a value is, in which order and with how many bits trees are added up. What it
//! does not know it refuses, and says where that stands in the file.
//!
//! | file | holds |
//! |---|---|
//! | `lightgbm`, `xgboost` | the readers |
//! | `json` | JSON with places |
//! | `tree` | trees as all readers make them |
//! | `packed`, `gates` | the same laid out for scoring |
//! | `objective` | from margins to predictions |
//! | `forest` | a model |
//! | `contributions` | what each feature contributes |

mod contributions;
mod forest;
mod gates;
mod json;
mod lightgbm;
mod objective;
mod packed;
#[cfg(test)]
mod tests;
mod tree;
mod wrong;
mod xgboost;

pub use contributions::Explained;
pub use forest::Forest;
pub use objective::Meaning;
pub use packed::Scratch;
pub use wrong::Wrong;
