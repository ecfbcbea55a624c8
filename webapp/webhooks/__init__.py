"""Other programs are told what happens to payments: who asked for it, what waits to be sent, how it went."""
