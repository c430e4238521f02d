"""A server that runs models on images that arrive over HTTP, and the page for it: `detect serve`."""
