//! What there is to see of the calls: metrics as series, samples of them, and the audit that
//! compares the books with the ledger in the background.

pub mod audit;
pub mod recent;
pub mod sample;
pub mod series;
