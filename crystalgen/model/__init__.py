"""Networks only: encoder, quantizer, decoder, prior. No loops, no pymatgen."""
