"""What holds for all tests."""

import signal

# A shell lets programs in the background ignore Ctrl-C, and these and their children would; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
