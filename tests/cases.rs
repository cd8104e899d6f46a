mod reference;
fn main() {}
