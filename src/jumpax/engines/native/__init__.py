"""From traced programs to machine code, through the text of LLVM: what the engines `cpu` and `gpu` share."""
