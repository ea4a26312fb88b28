package network

// NewDialer makes the dialer of a limited transport.
var NewDialer = newDialer
