package Tea::Job::Encode;
use v5.36;
use utf8;

sub run ($class, $request) {
    require Encode;
    my $text = "茶 für €";
    return join ' ', map { $_ . '=' . unpack 'H*', Encode::encode($_, $_ eq 'cp1252' ? 'ü€' : '茶') } qw(UTF-16LE shiftjis euc-jp gb2312 big5 cp1252);
}

1;
