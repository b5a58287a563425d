package Tea::Job::Data;
use v5.36;
use utf8;

sub run ($class, $request) {
    require Data::Dumper;
    require Digest::SHA;
    require File::Temp;
    require IO::Compress::Gzip;
    require IO::Uncompress::Gunzip;
    require List::Util;
    require Math::BigInt;
    require MIME::Base64;
    require Storable;
    my $in = 'tea ' x 100;
    IO::Compress::Gzip::gzip(\$in, \my $packed);
    IO::Uncompress::Gunzip::gunzip(\$packed, \my $out);
    my $file = File::Temp->new;
    Storable::nstore({tea => [1, 2]}, $file->filename);
    local ($Data::Dumper::Terse, $Data::Dumper::Indent) = (1, 0);
    return join ' ', substr(Digest::SHA::sha256_hex('tea'), 0, 8), $in eq $out ? 'same' : 'different',
        Data::Dumper::Dumper(Storable::retrieve($file->filename)), MIME::Base64::encode_base64('tea', ''),
        Math::BigInt->new(2)->bpow(80), List::Util::sum(1 .. 10);
}

1;
