package waste

// DistilSecrets is what is remembered of a file, for the fuzz targets.
var DistilSecrets = distilSecrets
