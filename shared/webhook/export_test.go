package webhook

// ParseCatalogue lets tests read a faulty catalogue.
var ParseCatalogue = parseCatalogue

// AttributesCSV and EventsCSV are the embedded catalogue, for tests to spoil.
var AttributesCSV, EventsCSV = attributesCSV, eventsCSV
