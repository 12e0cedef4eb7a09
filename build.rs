//! Links the cdylib so that it stays mapped after dlclose: a PBX thread that once ran our code
//! keeps thread-local destructors that point into it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,now");
}
